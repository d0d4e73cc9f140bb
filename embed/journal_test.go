// SPDX-License-Identifier: Apache-2.0

package embed

import (
	"reflect"
	"testing"

	"github.com/parallax-ssl/parallax/embedding"
)

var someRows = []embedding.Row{
	{Path: "a/\xff.png", SHA256: "00", Status: embedding.OK, Label: "cat", Vector: []float32{1, -2.5, 1e-30}},
	{Path: "b", Status: embedding.Failed, Reason: "no image"},
	{},
}

func TestRecords(t *testing.T) {
	for n := range len(someRows) + 1 {
		rows, err := decode(encode(someRows[:n]))
		if err != nil || len(rows) != n || n > 0 && !reflect.DeepEqual(rows, someRows[:n]) {
			t.Errorf("%v, %v", rows, err)
		}
	}
}

// FuzzRecord reads any bytes as a record: what is read is written as an equal record.
func FuzzRecord(f *testing.F) {
	f.Add(encode(someRows))
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Add([]byte{2, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		rows, err := decode(in)
		if err != nil {
			return
		}
		again, err := decode(encode(rows))
		if err != nil || len(again) != len(rows) {
			t.Errorf("%d rows become %d (%v)", len(rows), len(again), err)
		}
	})
}
