// SPDX-License-Identifier: Apache-2.0

// Package tfevents writes scalars in the event files that TensorBoard reads.
//
// A file is a sequence of TFRecords: the length (uint64), its masked CRC-32C, the bytes, their masked CRC-32C, all
// little-endian (tensorflow/core/lib/io/record_writer.h). The bytes are an Event of tensorflow/core/util/event.proto.
// Only the fields that scalars need are written.
package tfevents

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of tensorflow.Event, Summary, Summary.Value and SessionLog.
const (
	eventWallTime    = 1
	eventStep        = 2
	eventFileVersion = 3
	eventSummary     = 5
	eventSessionLog  = 7
	summaryValue     = 1
	valueTag         = 1
	valueSimple      = 2
	sessionStatus    = 1
	sessionStart     = 1 // the value of status that makes TensorBoard purge later steps
)

// A Scalar is one value of one step.
type Scalar struct {
	Tag   string // "loss"; TensorBoard groups tags by the part before the first slash
	Value float32
}

// Writer writes the events of one file, each by one Write of its io.Writer.
type Writer struct {
	w   io.Writer
	now func() time.Time
}

// NewWriter begins a file. With purge >= 0 TensorBoard drops the values of step purge and later ones from earlier files
// of the folder.
func NewWriter(w io.Writer, purge int) (*Writer, error) {
	return newWriter(w, purge, time.Now)
}

func newWriter(w io.Writer, purge int, now func() time.Time) (*Writer, error) {
	t := &Writer{w, now}
	version := protowire.AppendTag(nil, eventFileVersion, protowire.BytesType)
	if err := t.event(0, protowire.AppendString(version, "brain.Event:2")); err != nil {
		return nil, err
	}
	if purge < 0 {
		return t, nil
	}
	session := protowire.AppendTag(nil, sessionStatus, protowire.VarintType)
	session = protowire.AppendVarint(session, sessionStart)
	body := protowire.AppendTag(nil, eventSessionLog, protowire.BytesType)
	return t, t.event(purge, protowire.AppendBytes(body, session))
}

// Scalars writes values of one step, in the order of their tags. Without values it writes no event.
func (t *Writer) Scalars(step int, scalars []Scalar) error {
	if len(scalars) == 0 {
		return nil
	}
	sorted := slices.SortedFunc(slices.Values(scalars), func(a, b Scalar) int { return strings.Compare(a.Tag, b.Tag) })
	var summary []byte
	for _, s := range sorted {
		value := protowire.AppendTag(nil, valueTag, protowire.BytesType)
		value = protowire.AppendString(value, strings.ToValidUTF8(s.Tag, "?"))
		value = protowire.AppendTag(value, valueSimple, protowire.Fixed32Type)
		value = protowire.AppendFixed32(value, math.Float32bits(s.Value))
		summary = protowire.AppendTag(summary, summaryValue, protowire.BytesType)
		summary = protowire.AppendBytes(summary, value)
	}
	body := protowire.AppendTag(nil, eventSummary, protowire.BytesType)
	return t.event(step, protowire.AppendBytes(body, summary))
}

// event writes one event with the other fields in body.
func (t *Writer) event(step int, body []byte) error {
	seconds := float64(t.now().UnixNano()) / 1e9
	e := protowire.AppendTag(nil, eventWallTime, protowire.Fixed64Type)
	e = protowire.AppendFixed64(e, math.Float64bits(seconds))
	if step != 0 {
		e = protowire.AppendTag(e, eventStep, protowire.VarintType)
		e = protowire.AppendVarint(e, uint64(step))
	}
	_, err := t.w.Write(record(append(e, body...)))
	return err
}

// record frames data as a TFRecord.
func record(data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, len(data)+16), uint64(len(data)))
	b = binary.LittleEndian.AppendUint32(b, masked(b))
	b = append(b, data...)
	return binary.LittleEndian.AppendUint32(b, masked(data))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the CRC-32C rotated right by 15 bits plus a constant, so that the checksum of data with checksums in it
// stays a good one.
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

const prefix = "events.out.tfevents."

// NextName returns a name for a new event file in a folder with files of these names. TensorBoard reads files in the
// order of their names, which begin with the time; the new name comes last even if the clock was set back.
func NextName(names []string) string {
	return nextName(names, time.Now())
}

func nextName(names []string, now time.Time) string {
	seconds := now.Unix()
	for _, n := range names {
		rest, ok := strings.CutPrefix(n, prefix)
		if !ok {
			continue
		}
		first, _, _ := strings.Cut(rest, ".")
		if s, err := strconv.ParseInt(first, 10, 64); err == nil && s >= seconds && s < 9_999_999_999 {
			seconds = s + 1
		}
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	return fmt.Sprintf("%s%010d.%s.%d.0", prefix, seconds, host, os.Getpid())
}
