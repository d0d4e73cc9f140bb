// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package dataset

// beNice does nothing on systems where a priority belongs to the whole process.
func beNice() {}
