// SPDX-License-Identifier: Apache-2.0

// Package run is what a run leaves on disk, for those who write it (training) and those who read it (resume, other
// commands, the dashboard): its config, its events and its directory. It needs neither libtorch nor cgo.
//
// # The run directory
//
//	config.yaml          the configuration: every value, with its source as a comment (see [Config], [Load], [Values])
//	metrics.jsonl        the events, one JSON object per line (see [Event], [ReadEvents])
//	checkpoints/         the last checkpoints (train.keep of them)
//	best.json            which of them the probe liked best; it is kept, too
//	encoder.safetensors  the exported backbone, once the run has finished
//	quarantine.jsonl     images that could not be read, with their reasons; absent when there were none
//	tensorboard/         the same numbers for TensorBoard: tensorboard --logdir DIR
//	lock                 locked while a process writes here; names it (see [Running])
//
// Files other than the two that grow line by line are replaced as a whole by [WriteFile]: a reader sees the old or the new
// one. A reader of a growing file may meet half a last line; [ReadEvents] leaves it out.
//
// # The config
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
package run
