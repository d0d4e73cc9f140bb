// SPDX-License-Identifier: Apache-2.0

// Package report writes what a run was as one HTML file that can be mailed: what was trained, its scores and curves,
// the diagnosis, views, maps of the embedding with nearest neighbours, the settings, and how to repeat it. The file
// needs no network and no script, and is smaller than [Limit].
//
// All of it comes from the run directory and the images, so a report can be written at any time, also of a run that
// goes on. Neither libtorch nor cgo is needed. What cannot be read is missing in the report, which says why.
package report
