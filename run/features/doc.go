// SPDX-License-Identifier: Apache-2.0

// Package features keeps the features of a few images over a run, so that a reader can see how they move without an
// encoder. Training writes them at its evaluations, always of the same images; the dashboard and the report read them.
//
// They are in the folder run.FeaturesDir of the run, a safetensors file for each evaluation, named by its step:
//
//	step-00001000.safetensors
//	  rows     F16, images x width: the backbone's features, each row scaled to length 1
//	  index    I64, images: the image's number in its data
//	  label    I64, images: its class; -1 without one
//	  spectrum F32: the singular values of the centred embeddings, the largest first, where they are known
//	  alignment F32, images: the squared distance of two views' embeddings of length 1; NaN and absence: not known
//	  metadata step, data, split, names (a JSON array), classes (a JSON object from class to name)
//
// A file appears as a whole. Of a long run [Save] keeps at most [Most] evaluations.
package features
