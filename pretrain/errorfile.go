// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"encoding/json"
	"io"
	"strconv"
	"time"

	"github.com/parallax-ssl/parallax/dist"
	"github.com/parallax-ssl/parallax/run"
)

// writeErrorFile leaves an error where the launcher looks for it, in the form in which torchrun reads it. It does
// nothing if the launcher wants none.
func writeErrorFile(p *dist.Place, failed error, now time.Time) error {
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
	return run.WriteFile(p.ErrorFile, func(w io.Writer) error {
		return json.NewEncoder(w).Encode(struct {
			Message message `json:"message"`
		}{message{failed.Error(), extra{strconv.FormatInt(now.Unix(), 10), failed.Error()}}})
	})
}
