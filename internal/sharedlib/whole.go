// SPDX-License-Identifier: Apache-2.0

// Package sharedlib looks at a shared library before it is opened. The system's loader maps a library's parts without a
// look at the length of the file, so that a truncated one ends the process with SIGBUS.
package sharedlib

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Whole returns an error if the ELF library at path is truncated, or one that it needs and that lies in its search
// path. Whatever else may be wrong with it, the loader says.
func Whole(path string) error { return whole(path, map[string]bool{}) }

func whole(path string, seen map[string]bool) error {
	if seen[path] {
		return nil
	}
	seen[path] = true
	needed, folders, err := look(path)
	if err != nil {
		return err
	}
	for _, name := range needed {
		for _, folder := range folders {
			found := filepath.Join(folder, name)
			if _, err := os.Stat(found); err == nil {
				if err := whole(found, seen); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}

// look checks one file. It returns the names of the libraries that it needs, and the folders in which it says to look.
func look(path string) (needed, folders []string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, nil // the loader says it better
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, nil
	}
	magic := make([]byte, len(elf.ELFMAG))
	if _, err := file.ReadAt(magic, 0); err != nil || string(magic) != elf.ELFMAG {
		return nil, nil, nil // another system's library, or none
	}
	f, err := elf.NewFile(file)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil, truncated(path, info.Size())
	}
	if err != nil {
		return nil, nil, nil // something else is wrong with it
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Off+p.Filesz > uint64(info.Size()) {
			return nil, nil, truncated(path, info.Size())
		}
	}
	needed, err = f.ImportedLibraries()
	if err != nil {
		return nil, nil, nil
	}
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		lists, err := f.DynString(tag)
		if err != nil {
			continue
		}
		for _, list := range lists {
			for folder := range strings.SplitSeq(list, ":") {
				origin := strings.NewReplacer("$ORIGIN", filepath.Dir(path), "${ORIGIN}", filepath.Dir(path))
				folders = append(folders, origin.Replace(folder))
			}
		}
	}
	return needed, folders, nil
}

func truncated(path string, size int64) error {
	return fmt.Errorf("%s is truncated: it has %d bytes, and says that it has more", path, size)
}
