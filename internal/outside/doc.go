// SPDX-License-Identifier: Apache-2.0

// Package outside has no code of its own. Its test builds the program in testdata as a module of its own, which uses Parallax
// as any other program would: it pretrains with a method and a metric of its own, opens the encoder, and embeds images.
package outside
