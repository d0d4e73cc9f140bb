// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package dataset

import "golang.org/x/sys/unix"

// mark tells a folder from what it was: when an entry comes, goes or gets another name, both times change, and on some
// file systems the size, which grows with the number of entries. Of the times, nobody can set changed.
type mark struct{ modified, changed, size, inode, device int64 }

// markOf returns the mark of the folder at path.
func markOf(path string) (mark, error) {
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		return mark{}, err
	}
	return mark{s.Mtim.Nano(), s.Ctim.Nano(), s.Size, int64(s.Ino), int64(s.Dev)}, nil
}
