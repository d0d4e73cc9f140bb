// SPDX-License-Identifier: Apache-2.0

package campaign

import (
	"bufio"
	"encoding/json"
	"os"
	"sync"
)

// Journal keeps the outcomes of the cases that have ended, in a file of JSON lines. A nil Journal keeps nothing.
type Journal struct {
	mu   sync.Mutex
	key  string
	file *os.File
	past map[string]entry
}

// entry is a line of a journal. Key tells the campaigns apart: the program, the seed and the size.
type entry struct {
	Key     string  `json:"key"`
	Part    string  `json:"part"`
	Case    string  `json:"case"`
	Seconds float64 `json:"seconds"`
	Outcome Outcome `json:"outcome"`
}

// OpenJournal opens the journal at path for the campaign of that key. What a campaign with another key left there
// does not count.
func OpenJournal(path, key string) (*Journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, err
	}
	j := &Journal{key: key, file: f, past: map[string]entry{}}
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<24)
	for s.Scan() {
		var e entry
		if json.Unmarshal(s.Bytes(), &e) == nil && e.Key == key { // the last line may be cut off
			j.past[e.Part+"/"+e.Case] = e
		}
	}
	return j, s.Err()
}

// Len is the number of cases that need not run again.
func (j *Journal) Len() int { return len(j.past) }

func (j *Journal) find(part, name string) (entry, bool) {
	if j == nil {
		return entry{}, false
	}
	e, ok := j.past[part+"/"+name]
	return e, ok && len(e.Outcome.Faults) == 0 // what failed is tried again
}

func (j *Journal) add(e entry) {
	if j == nil {
		return
	}
	e.Key = j.key
	line, err := json.Marshal(e)
	if err != nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = j.file.Write(append(line, '\n'))
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }
