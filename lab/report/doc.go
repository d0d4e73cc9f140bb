// SPDX-License-Identifier: Apache-2.0

// Package report writes the page of a laboratory: one HTML file that needs no network, with every verdict, the atlas of
// methods and switches, curves, spectra, pictures of the embeddings, and the commands that run each experiment again.
package report
