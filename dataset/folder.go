// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// listFolder lists the regular files below root. It follows links to files but not links to folders, so that a walk
// ends and stays where the user pointed it. If deep, it lists the folders below root, too.
func listFolder(root string, deep bool) (*listing, error) {
	l := &listing{close: func() error { return nil }}
	var walk func(dir, prefix string) error
	walk = func(dir, prefix string) error {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("listing %s: %w", dir, err)
		}
		for _, e := range entries {
			name, full := prefix+e.Name(), filepath.Join(dir, e.Name())
			if e.IsDir() {
				if !deep {
					continue
				}
				if isHidden(e.Name()) {
					l.skipped.add("hidden folders", name)
					continue
				}
				if err := walk(full, name+"/"); err != nil {
					return err
				}
				continue
			}
			info, err := e.Info()
			if err == nil && info.Mode()&fs.ModeSymlink != 0 {
				info, err = os.Stat(full)
			}
			switch {
			case err != nil:
				l.skipped.add("links to nothing, or gone while listing", name)
			case info.IsDir():
				l.skipped.add("links to folders are not followed", name)
			case !info.Mode().IsRegular():
				l.skipped.add("not regular files", name)
			default:
				l.files = append(l.files, file{name, info.Size()})
			}
		}
		return nil
	}
	if err := walk(root, ""); err != nil {
		return nil, err
	}
	l.sort()
	l.open = func(f file) (blob, error) { return os.Open(filepath.Join(root, filepath.FromSlash(f.name))) }
	return l, nil
}
