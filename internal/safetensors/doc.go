// SPDX-License-Identifier: Apache-2.0

// Package safetensors reads and writes the safetensors file format: eight bytes of little-endian header length, a JSON
// header with every tensor's dtype, shape and place, and the tensors' bytes one after the other.
//
// A file is untrusted input. Parse makes all checks of the reference implementation (huggingface/safetensors,
// tensor.rs): the header's size and opening brace, offsets in order with no hole and no overlap, shape products that do
// not overflow, no bytes left over. It also refuses duplicate names, unknown fields and more than MaxRank dimensions.
// It allocates memory for the file's true size, never for the size that the header claims.
package safetensors
