// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/internal/tfevents"
)

// CompleteBoard writes what TensorBoard shows again, from metrics.jsonl, if its folder holds no file of events. It
// reports whether it did.
func (d *Dir) CompleteBoard() (made bool, err error) {
	folder := d.Path(TensorBoardDir)
	if entries, err := os.ReadDir(folder); len(entries) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	f, err := os.Open(d.Path(MetricsFile))
	if err != nil {
		return false, err
	}
	defer f.Close()
	var l Log
	if err := l.openBoard(folder, 0); err != nil {
		return false, err
	}
	for e, err := range ReadEvents(f) {
		if err != nil {
			continue // a damaged line has no numbers
		}
		if err := l.writeBoard(&e); err != nil {
			return true, errors.Join(err, l.append.Close())
		}
	}
	return true, l.append.Close()
}

// openBoard begins a new file of TensorBoard events in the folder. It hides what older files say past step.
func (l *Log) openBoard(folder string, step int) error {
	if err := MakeWithin(folder); err != nil {
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
