// SPDX-License-Identifier: Apache-2.0

// Package probe evaluates an encoder while it trains: on a bank of images and on queries it measures the backbone's
// features and the embeddings, and it embeds the sample of images that the guard against collapse watches. [New] makes
// the hook of a run. [Sets] alone opens and reads the images, for an evaluation after the run.
package probe
