// SPDX-License-Identifier: Apache-2.0

// Package safetensors reads and writes the safetensors file format: eight bytes of little-endian header length, a JSON
// header that gives every tensor's dtype, shape and place, and the tensors' bytes one after the other.
//
// A file is untrusted input. Parse checks all that the reference implementation checks (huggingface/safetensors,
// tensor.rs: the header's size and opening brace, offsets in order with no hole and no overlap, shape products that do
// not overflow, no bytes left over) and refuses what that lets through: duplicate names, unknown fields, more than
// MaxRank dimensions. What it allocates is bounded by the file's true size, never by what the header claims.
package safetensors
