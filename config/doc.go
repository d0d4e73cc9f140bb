// SPDX-License-Identifier: Apache-2.0

// Package config is the configuration of a run: every value, the layer that each value came from, and the file that
// holds them. It needs neither libtorch nor cgo.
//
// A [Config] is filled in layers, each over the one before. [Layered] keeps the source of every value, [Layered.Set]
// and [Layered.Merge] check keys and types, [Layered.Encode] writes the file and [Load] reads it back.
//
// # The file
//
// Sections are mappings, keys are the exported fields of [Config] in snake_case, the method's hyperparameters stand beside
// method.name, and augment holds one list of ops per view:
//
//	seed: 7                                  # flag --seed
//
//	method:
//	  name: simclr                           # flag --method
//	  temperature: 0.2                       # --set
//
//	augment:
//	  - - random_resized_crop: {p: 1, size: 32, scale: [0.2, 1], ratio: [0.75, 1.3333333333333333], interpolation: bicubic} # paper
//	    - horizontal_flip: {p: 0.5}          # paper
//
// Values are set by path, a key per level: optim.base_rate=0.3. Within augment the view's number (from 0) may be left out,
// and then every view that has the op is meant: augment.color_jitter.p=0, but augment.1.solarize.p=0.2 for the second view.
package config
