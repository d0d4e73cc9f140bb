// SPDX-License-Identifier: Apache-2.0

// Package pickle reads Python's pickles, protocols 0 to 5, without running anything.
//
// A pickle is a program that names Python functions and calls them. This package has no functions to call: a global is
// its name ([Global]), and what Python would make by calling it is a record of the call ([Object]). The reader of the
// result decides which names mean something. So a hostile pickle can at most be large, and its size bounds that: every
// length is compared with the bytes that are left, and the number of instructions is limited.
//
// Values are nil, bool, int64, *big.Int (beyond 64 bits), float64, string, []byte, [Tuple], [Global], *[Object] and
// [Persistent]. The instructions are those of CPython's Lib/pickletools.py.
package pickle
