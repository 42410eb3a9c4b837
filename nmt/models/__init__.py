"""The network: LSTM layers, encoder, attention, decoder, and the encoder-decoder made of them.

Shape letters: B batch, S source steps, T target steps, K beam, V vocabulary, E embedding, H units, D attention depth.
"""
