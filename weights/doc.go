// SPDX-License-Identifier: Apache-2.0

// Package weights reads image encoders that other programs trained: checkpoints of torchvision, timm, solo-learn,
// lightly, VISSL, MoCo, DINO, Barlow Twins and their like, in safetensors or as torch.save writes them.
//
// [Import] writes an encoder.safetensors, which every command and package encoder take, and from which pretraining can
// start. [Read] returns the weights without a file. A file's tensors are found by their names, whatever stands before
// them; package pth says why nothing in a file is run. Every entry of the file is accounted for in the [Report].
// Weights that lack a tensor, or have one that the network has no place for, are refused: their features would be other
// ones.
package weights
