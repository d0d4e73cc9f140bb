// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/dist"
)

// torchrun reads the file's message and its time, which must be there.
func TestErrorFile(t *testing.T) {
	p := &dist.Place{ErrorFile: filepath.Join(t.TempDir(), "error.json")}
	if err := writeErrorFile(p, nil, time.Now()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(p.ErrorFile); !errors.Is(err, os.ErrNotExist) {
		t.Error("without an error there is a file")
	}
	if err := writeErrorFile(p, errors.New("the disk \"is\"\nfull"), time.Unix(1_800_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(p.ErrorFile)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Message struct {
			Message   string            `json:"message"`
			ExtraInfo map[string]string `json:"extraInfo"`
		} `json:"message"`
	}
	if err := json.Unmarshal(text, &got); err != nil || got.Message.Message != "the disk \"is\"\nfull" ||
		got.Message.ExtraInfo["timestamp"] != "1800000000" || got.Message.ExtraInfo["py_callstack"] == "" {
		t.Errorf("%s: %v", text, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(p.ErrorFile), ".*")); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
	if err := writeErrorFile(nil, errors.New("x"), time.Now()); err != nil {
		t.Error(err)
	}
}
