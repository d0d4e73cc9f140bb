// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package machine

import "github.com/KimMachineGun/automemlimit/memlimit"

// systemLimits is the memory of the machine.
func systemLimits() []Limit {
	total, err := memlimit.FromSystem()
	if err != nil || total == 0 {
		return nil
	}
	return []Limit{{Bytes: total, By: Physical}}
}

func resident() uint64 { return 0 }
