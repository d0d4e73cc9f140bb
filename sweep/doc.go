// SPDX-License-Identifier: Apache-2.0

// Package sweep makes the runs of a grid of methods, settings and seeds, each an ordinary run in a folder of its own,
// and compares them. It starts the parallax command as processes, and needs neither libtorch nor the images itself. An
// interrupted sweep resumes by looking at what exists.
package sweep
