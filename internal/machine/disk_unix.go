// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package machine

import "golang.org/x/sys/unix"

// FreeDisk returns the bytes that this user may still write on the disk that holds the folder dir.
func FreeDisk(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}
