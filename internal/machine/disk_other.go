// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package machine

import "errors"

// FreeDisk is not known on this system.
func FreeDisk(string) (uint64, error) { return 0, errors.ErrUnsupported }
