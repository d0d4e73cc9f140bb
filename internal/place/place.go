// SPDX-License-Identifier: Apache-2.0

// Package place finds the folders of the libraries that are opened at run time, and that of the module.
package place

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const module = "module github.com/parallax-ssl/parallax\n"

// Libraries returns the folders to look in, in order: the program's own, bin/ of the module that holds the working
// directory (go run, go test), and parallax/ in the user's cache folder.
func Libraries() []string {
	var folders []string
	if exe, err := os.Executable(); err == nil {
		if target, err := filepath.EvalSymlinks(exe); err == nil {
			exe = target
		}
		folders = append(folders, filepath.Dir(exe))
	}
	if wd, err := os.Getwd(); err == nil {
		if root := moduleRoot(wd); root != "" {
			folders = append(folders, filepath.Join(root, "bin"))
		}
	}
	if cache, err := os.UserCacheDir(); err == nil {
		folders = append(folders, filepath.Join(cache, "parallax"))
	}
	return folders
}

// SetUp returns the program that brings libtorch if library lies in bin/ of an unpacked archive of make dist, and "" if
// it was built in a checkout.
func SetUp(library string) string {
	root := filepath.Dir(filepath.Dir(library))
	for _, name := range []string{"setup", "scripts/libtorch.py"} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || !info.Mode().IsRegular() {
			return ""
		}
	}
	return filepath.Join(root, "setup")
}

// Module returns the folder of this module that holds the working directory, for tools that work on its files.
func Module() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	root := moduleRoot(wd)
	if root == "" {
		return "", fmt.Errorf("%s is not in a checkout of Parallax: run it within the repository", wd)
	}
	return root, nil
}

// moduleRoot returns the folder of this module if dir is inside it, else "".
func moduleRoot(dir string) string {
	for {
		if text, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil {
			if strings.HasPrefix(string(text), module) {
				return dir
			}
			return ""
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}
