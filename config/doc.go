// SPDX-License-Identifier: Apache-2.0

// Package config holds the configuration of a run: every value, the source of every value, and the file that stores
// them. It needs neither libtorch nor cgo.
//
// A [Config] is filled in layers, each over the one before. [Layered] keeps the source of every value. [Layered.Set]
// and [Layered.Merge] check keys and types. [Layered.Encode] writes the file, and [Load] reads it back.
//
// # The file
//
// Sections are mappings. Keys are the exported fields of [Config] in snake_case. The method's hyperparameters stand
// beside method.name. augment holds one list of ops per view:
//
//	seed: 7                                  # flag --seed
//
//	method:
//	  name: simclr                           # flag --method
//	  temperature: 0.2                       # --set
//
//	augment:
//	  - - color_jitter: {p: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1} # paper
//	    - horizontal_flip: {p: 0.5}          # paper
//
// Values are set by path, one key per level: optim.base_rate=0.3. Within augment the number of the view, from 0, may be
// left out. The path then means every view that has the op: augment.color_jitter.p=0, but augment.1.solarize.p=0.2 for
// the second view only.
package config
