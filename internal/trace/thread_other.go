// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package trace

// Thread returns the number of the calling thread, which is not known on this system.
func Thread() int { return 0 }
