// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Vacant returns the first of folder/name-1, folder/name-2, ... that does not exist.
func Vacant(folder, name string) string {
	for n := 1; ; n++ {
		path := filepath.Join(folder, fmt.Sprintf("%s-%d", name, n))
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return path
		}
	}
}
