// SPDX-License-Identifier: Apache-2.0

package machine

// Resident returns the memory that this process holds now, and the most that it has held, in bytes; 0 where the system
// does not say.
func Resident() (now, most uint64) { return resident(), mostResident() }
