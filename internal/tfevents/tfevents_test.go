// SPDX-License-Identifier: Apache-2.0

package tfevents

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden compares with a file whose tags, steps and values TensorBoard 2.21.0's EventAccumulator reads as written
// here. Because of its start (purge 3), it drops steps 3 and later of a file before it.
func TestGolden(t *testing.T) {
	var b bytes.Buffer
	clock := func() time.Time { return time.Unix(1700000000, 250_000_000) }
	w, err := newWriter(&b, 3, clock)
	if err == nil {
		err = w.Scalars(0, []Scalar{{"loss", 5.5}, {"eval/test/backbone/knn", 0.25}})
	}
	if err == nil {
		err = w.Scalars(300, []Scalar{{"loss", float32(math.NaN())}, {"bad\xff", 1}})
	}
	if err == nil {
		err = w.Scalars(301, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/golden.tfevents"
	if *update {
		if err := os.WriteFile(golden, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("wrote\n%swant\n%s", hex.Dump(b.Bytes()), hex.Dump(want))
	}
}

// TestChecksum has the check value of CRC-32C, of "123456789" (RFC 3720 names the polynomial), before and after the
// mask.
func TestChecksum(t *testing.T) {
	data := []byte("123456789")
	if c := crc32.Checksum(data, castagnoli); c != 0xe3069283 {
		t.Errorf("CRC-32C is %#x, want 0xe3069283", c)
	}
	// Rotated right by 15 bits 0xe3069283 is 0x2507c60d; with the constant it is 0xc78ab0e5.
	if c := masked(data); c != 0xc78ab0e5 {
		t.Errorf("masked it is %#x, want 0xc78ab0e5", c)
	}
}

func TestNextNameComesLast(t *testing.T) {
	now := time.Unix(1700000000, 0)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for seconds, names := range map[int64][]string{
		1700000000: {"events.out.tfevents.1600000000.a.1.0", "other", "events.out.tfevents.x"},
		1700000001: {"events.out.tfevents.1700000000.a.1.0"},
		1800000001: {"events.out.tfevents.1800000000.a.1.0", "events.out.tfevents.1600000000.a.1.0"},
	} {
		got := nextName(names, now)
		if want := fmt.Sprintf("events.out.tfevents.%d.%s.%d.0", seconds, host, os.Getpid()); got != want {
			t.Errorf("after %s comes %s, want %s", strings.Join(names, ", "), got, want)
		}
	}
}

type broken struct{ error }

func (b broken) Write([]byte) (int, error) { return 0, b.error }

func TestWriteError(t *testing.T) {
	full := errors.New("full")
	if _, err := NewWriter(broken{full}, -1); err != full {
		t.Errorf("error %v", err)
	}
}
