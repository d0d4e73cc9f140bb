// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"math"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/internal/tfevents"
)

// openBoard begins a new file of TensorBoard events in the folder. It hides what older files say past step.
func (l *Log) openBoard(folder string, step int) error {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return Output("making "+folder, err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return Output("reading "+folder, err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	path := filepath.Join(folder, tfevents.NextName(names))
	if l.append, err = openAppend(path, math.MaxInt64); err != nil {
		return err
	}
	purge := -1
	if len(names) > 0 {
		purge = step + 1
	}
	if l.board, err = tfevents.NewWriter(l.append, purge); err != nil {
		return errors.Join(err, l.append.Close())
	}
	return nil
}
