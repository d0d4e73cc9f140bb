// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// WriteErrorFile leaves an error where the launcher looks for it, in the form in which torchrun reads it. It does
// nothing if the launcher wants none. The file appears as a whole.
func (p *Place) WriteErrorFile(failed error, now time.Time) error {
	if p == nil || p.ErrorFile == "" || failed == nil {
		return nil
	}
	type extra struct {
		Timestamp string `json:"timestamp"`
		Callstack string `json:"py_callstack"`
	}
	type message struct {
		Message string `json:"message"`
		Extra   extra  `json:"extraInfo"`
	}
	text, err := json.Marshal(struct {
		Message message `json:"message"`
	}{message{failed.Error(), extra{strconv.FormatInt(now.Unix(), 10), failed.Error()}}})
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(p.ErrorFile), ".error-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), p.ErrorFile)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
