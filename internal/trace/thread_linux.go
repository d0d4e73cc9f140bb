// SPDX-License-Identifier: Apache-2.0

package trace

import "syscall"

// Thread returns the number of the calling thread.
func Thread() int { return syscall.Gettid() }
