// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"fmt"
	"syscall"
)

// mount mounts an empty file system of that size.
func mount(dir string, size int64) (unmount func(), err error) {
	err = syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size))
	return func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }, err
}

func remount(dir string, size int64) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", size))
}

// lockUp makes a mounted file system read-only.
func lockUp(dir string) error {
	return syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
}
