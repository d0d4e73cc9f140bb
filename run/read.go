// SPDX-License-Identifier: Apache-2.0

package run

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// maxLine bounds a line of metrics.jsonl, in bytes. The longest that parallax writes has a few kilobytes.
const maxLine = 1 << 20

// ReadEvents yields the events of a metrics.jsonl in order. A last line without a newline is left out: it is still
// being written, or a crash cut it off. A line that is no event, or is longer than 1 MiB, yields an error with the
// line's number, and reading continues. An error of r ends the sequence.
func ReadEvents(r io.Reader) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for l := range lines(r) {
			if e, err := l.event(); !yield(e, err) {
				return
			}
		}
	}
}

func parseEvent(line []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(line, &e); err != nil {
		return Event{}, fmt.Errorf("not an event: %w", err)
	}
	if e.Event == "" || e.Step < 0 || e.Epoch < 0 {
		return Event{}, errors.New(`not an event: it needs "event", and "step" and "epoch" of 0 or more`)
	}
	return e, nil
}

type line struct {
	text   []byte // without its newline; valid until the next line
	number int    // from 1
	end    int64  // offset after its newline
	err    error
}

// errLong is the error of a line without text, since it is too long.
var errLong = fmt.Errorf("not an event: longer than %d bytes", maxLine)

// event parses the line.
func (l *line) event() (Event, error) {
	e, err := Event{}, l.err
	if err == nil {
		e, err = parseEvent(l.text)
	}
	if err != nil {
		err = fmt.Errorf("line %d: %w", l.number, err)
	}
	return e, err
}

// unwritten reports whether the line has zeros, as a file has where its length was written and its content was not.
func (l *line) unwritten() bool { return bytes.IndexByte(l.text, 0) >= 0 }

// lines yields the complete lines of r. An error of r is the last line's.
func lines(r io.Reader) iter.Seq[line] {
	return func(yield func(line) bool) {
		b := bufio.NewReaderSize(r, maxLine)
		var end int64
		for n := 1; ; n++ {
			l := line{number: n}
			text, err := b.ReadSlice('\n')
			end += int64(len(text))
			for errors.Is(err, bufio.ErrBufferFull) {
				l.err = errLong
				text, err = b.ReadSlice('\n')
				end += int64(len(text))
			}
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				l.err = err
				yield(l)
				return
			case l.err == nil:
				l.text = text[:len(text)-1]
			}
			if l.end = end; !yield(l) {
				return
			}
		}
	}
}
