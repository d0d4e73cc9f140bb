// SPDX-License-Identifier: Apache-2.0

// Package watch shows a run in a terminal while it goes on: its curves, the guard's diagnosis, and how long it will
// take. [Screen] fills the terminal, [Lines] prints a line whenever something has happened, and [Once] prints how the
// run stands. It reads the run's directory and needs no libtorch.
package watch
