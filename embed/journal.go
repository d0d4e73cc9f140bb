// SPDX-License-Identifier: Apache-2.0

package embed

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"

	"github.com/parallax-ssl/parallax/embedding"
	"github.com/parallax-ssl/parallax/run"
)

// The files of the folder OUT.partial.
const (
	planFile = "plan.json"
	rowsFile = "rows"
)

// journal is the finished rows of an output, a record for each batch: the length of its payload, the payload's CRC-32C,
// both 4 bytes, and the payload. A record that is cut off or damaged ends the journal.
type journal struct {
	dir    string
	file   *os.File
	end    int64 // of the whole records
	unlock func() error
	rows   int
	failed int
}

// mostRecord bounds a record: a batch of the longest rows.
const mostRecord = 1 << 30

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// output is the error of writing, with the remedy if the system's own text lacks one.
func output(doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = fmt.Errorf("%w: free some space, then give the same command again", err)
	}
	return fmt.Errorf("%s: %w", doing, &run.OutputError{Err: err})
}

// openJournal opens the folder dir, or makes it with a plan. Of an earlier call it returns the plan, else nil.
func openJournal(dir string) (j *journal, before *plan, err error) {
	if _, err := os.Stat(filepath.Dir(dir)); err != nil {
		return nil, nil, output("making "+dir, err)
	}
	if err := run.MakeWithin(dir); err != nil {
		return nil, nil, output("making "+dir, err)
	}
	unlock, err := run.Lock("the unfinished embeddings", dir)
	if err != nil {
		return nil, nil, err
	}
	j = &journal{dir: dir, unlock: unlock}
	text, err := os.ReadFile(filepath.Join(dir, planFile))
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil, nil
	}
	before = &plan{}
	if err == nil && json.Unmarshal(text, before) != nil {
		err = fmt.Errorf("%s is damaged: begin anew with --force", filepath.Join(dir, planFile))
	}
	if err != nil {
		return nil, nil, errors.Join(err, j.close())
	}
	return j, before, nil
}

// start begins an empty journal with a plan.
func (j *journal) start(p plan) error {
	if err := os.Remove(filepath.Join(j.dir, rowsFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return output("beginning anew", err)
	}
	if err := run.WriteFile(filepath.Join(j.dir, planFile), run.JSON(p)); err != nil {
		return err
	}
	return j.open()
}

// open opens the records, and drops what follows the last whole one.
func (j *journal) open() (err error) {
	path := filepath.Join(j.dir, rowsFile)
	if j.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return output("opening "+path, err)
	}
	j.rows, j.failed, j.end = 0, 0, 0
	for rows, err := range j.records() {
		if err != nil {
			return err
		}
		j.rows += len(rows)
		for _, r := range rows {
			if r.Status == embedding.Failed {
				j.failed++
			}
		}
	}
	if err := j.file.Truncate(j.end); err != nil {
		return output("opening "+path, err)
	}
	_, err = j.file.Seek(j.end, io.SeekStart)
	return err
}

// records yields the rows of each whole record, from the first. It moves end behind them.
func (j *journal) records() func(yield func([]embedding.Row, error) bool) {
	return func(yield func([]embedding.Row, error) bool) {
		info, err := j.file.Stat()
		if err != nil {
			yield(nil, err)
			return
		}
		b := bufio.NewReaderSize(io.NewSectionReader(j.file, 0, info.Size()), 1<<20)
		at := int64(0)
		var head [8]byte
		for {
			if _, err := io.ReadFull(b, head[:]); err != nil {
				break
			}
			n := int64(binary.LittleEndian.Uint32(head[:]))
			if n > mostRecord || n > info.Size()-at-int64(len(head)) {
				break
			}
			payload := make([]byte, n)
			if _, err := io.ReadFull(b, payload); err != nil {
				break
			}
			if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
				break
			}
			rows, err := decode(payload)
			if err != nil {
				break
			}
			at += int64(len(head)) + n
			j.end = max(j.end, at)
			if !yield(rows, nil) {
				return
			}
		}
	}
}

// add appends the rows of a batch.
func (j *journal) add(rows []embedding.Row) error {
	payload := encode(rows)
	record := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	record = binary.LittleEndian.AppendUint32(record, crc32.Checksum(payload, castagnoli))
	if _, err := j.file.Write(append(record, payload...)); err != nil {
		return output("keeping finished embeddings", err)
	}
	if _, err := os.Stat(j.file.Name()); err != nil { // a write into a removed file succeeds
		return output("keeping finished embeddings", err)
	}
	j.end += int64(len(record) + len(payload))
	j.rows += len(rows)
	for _, r := range rows {
		if r.Status == embedding.Failed {
			j.failed++
		}
	}
	return nil
}

// close closes the journal, which stays.
func (j *journal) close() (err error) {
	if j.file != nil {
		err = j.file.Close()
	}
	return errors.Join(err, j.unlock())
}

// remove removes the journal, which must be closed.
func (j *journal) remove() error {
	// The folder vanishes in one step: one without a plan would look like an empty beginning.
	folder, name := filepath.Split(j.dir)
	hidden := filepath.Join(folder, "."+name+fmt.Sprintf(".parallax-tmp-%d", os.Getpid()))
	if err := os.Rename(j.dir, hidden); err != nil {
		return output("removing "+j.dir, err)
	}
	return output("removing "+hidden, os.RemoveAll(hidden))
}

// encode writes rows: their number, and for each its status, its texts, and its vector.
func encode(rows []embedding.Row) []byte {
	out := binary.AppendUvarint(nil, uint64(len(rows)))
	for _, r := range rows {
		for _, text := range []string{r.Path, r.SHA256, r.Status, r.Reason, r.Label} {
			out = binary.AppendUvarint(out, uint64(len(text)))
			out = append(out, text...)
		}
		out = binary.AppendUvarint(out, uint64(len(r.Vector)))
		for _, v := range r.Vector {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
	}
	return out
}

var errRecord = errors.New("a record is damaged")

// decode reads what encode wrote.
func decode(in []byte) (rows []embedding.Row, err error) {
	number := func(unit int) int {
		n, size := binary.Uvarint(in)
		if size <= 0 || n > uint64(len(in)-size)/uint64(unit) {
			err = errRecord
			return 0
		}
		in = in[size:]
		return int(n)
	}
	for range number(1) {
		var r embedding.Row
		for _, text := range []*string{&r.Path, &r.SHA256, &r.Status, &r.Reason, &r.Label} {
			n := number(1)
			*text, in = string(in[:n]), in[n:]
		}
		if n := number(4); n > 0 {
			r.Vector = make([]float32, n)
			for i := range r.Vector {
				r.Vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(in[4*i:]))
			}
			in = in[4*n:]
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	if len(in) > 0 {
		err = errRecord
	}
	return rows, err
}
