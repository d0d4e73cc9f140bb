// SPDX-License-Identifier: Apache-2.0

// Package probe evaluates an encoder while it trains. It measures the backbone's features and the embeddings of a bank
// of images and of queries. It also embeds the sample of images that the guard against collapse watches. [New] makes
// the hook of a run. [Sets] opens and reads the images, also for an evaluation after the run.
package probe
