// SPDX-License-Identifier: Apache-2.0

// Package report writes the report of a laboratory: one HTML file that needs no network. It has every verdict, the
// atlas of methods and switches, curves, spectra, pictures of the embeddings, and the commands that repeat each
// experiment.
package report
