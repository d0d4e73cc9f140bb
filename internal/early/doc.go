// SPDX-License-Identifier: Apache-2.0

// Package early refuses, before Go's runtime starts, a limit of memory or of open files with which the runtime could
// not start. Go would print the stack of its own start, and end with the status of a mistake in the command line. A
// program imports the package for this effect.
package early
