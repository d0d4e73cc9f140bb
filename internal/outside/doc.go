// SPDX-License-Identifier: Apache-2.0

// Package outside has only a test. The test builds the program in testdata as a separate module, which uses Parallax as
// any other program would: it pretrains with its own method and metric, opens the encoder, and embeds images.
package outside
