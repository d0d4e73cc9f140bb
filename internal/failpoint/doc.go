// SPDX-License-Identifier: Apache-2.0

// Package failpoint kills a program between two of its system calls, and compares what a resumed run left with what a
// run in one piece left. The operating system is the place for this: a program with hooks for its own death would be
// another program. It needs strace.
package failpoint
