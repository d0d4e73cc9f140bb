// SPDX-License-Identifier: Apache-2.0

package safetensors

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// FuzzParse checks that any bytes are either refused or describe a file that covers its data exactly and survives being
// written again.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.safetensors")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no files in testdata: %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, h := range hostile {
		if len(h.file) < 1<<12 {
			f.Add(h.file)
		}
	}
	for _, k := range kept {
		f.Add(k.file)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			if len(err.Error()) > 600 || bytes.ContainsRune([]byte(err.Error()), '\n') {
				t.Fatalf("not one short line: %q", err)
			}
			return
		}
		tensors, err := file.Tensors()
		if err != nil {
			t.Fatal(err)
		}
		end := 8 + int64(binary.LittleEndian.Uint64(data))
		for _, tensor := range tensors {
			if !bytes.Equal(tensor.Data, data[end:end+int64(len(tensor.Data))]) {
				t.Fatalf("tensor %q is not the next of the data", tensor.Name)
			}
			end += int64(len(tensor.Data))
		}
		if end != int64(len(data)) {
			t.Fatalf("the tensors cover %d of %d bytes", end, len(data))
		}
		var first, second bytes.Buffer
		if err := Write(&first, tensors, file.Metadata); err != nil {
			t.Fatal(err)
		}
		again, err := Parse(bytes.NewReader(first.Bytes()), int64(first.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if tensors, err = again.Tensors(); err != nil {
			t.Fatal(err)
		}
		if err := Write(&second, tensors, again.Metadata); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("written twice, it differs: %v", err)
		}
	})
}
