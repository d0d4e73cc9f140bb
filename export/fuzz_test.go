// SPDX-License-Identifier: Apache-2.0

package export

import (
	"archive/zip"
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/export/internal/onnxfile"
	"github.com/parallax-ssl/parallax/export/internal/pt2"
	"github.com/parallax-ssl/parallax/torch"
)

// exported returns the bytes of an export of a small network.
func exported(f *testing.F, format Format, s backbone.Spec) []byte {
	f.Helper()
	out := filepath.Join(f.TempDir(), "out")
	_, err := Write(context.Background(), Request{Run: encoderFile(f, s), Format: format, Out: out,
		Data: "synthetic:9", Threads: 1})
	if err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		f.Fatal(err)
	}
	return data
}

// computes runs what was read on two images. It may fail, but only by an error.
func computes(forward func(torch.Tensor) torch.Tensor) {
	torch.Scope(func() error {
		forward(torch.Zeros(torch.F32, 1, 3, 8, 8))
		return nil
	})
}

// smallest is a network whose export is small.
var smallest = backbone.Spec{Name: "resnet8", Width: 1, Stem: backbone.Strided, Size: 8}

func FuzzONNX(f *testing.F) {
	f.Add(exported(f, ONNX, smallest))
	f.Add([]byte("\x08\x08"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if m, err := onnxfile.Parse(data); err == nil {
			computes(m.Run)
		}
	})
}

// FuzzPT2 changes the bytes of an archive.
func FuzzPT2(f *testing.F) {
	f.Add(exported(f, PT2, smallest))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if p, err := pt2.Read(bytes.NewReader(data), int64(len(data))); err == nil {
			computes(p.Run)
		}
	})
}

// FuzzProgram changes the program in an archive, whose checksums are right.
func FuzzProgram(f *testing.F) {
	data := exported(f, PT2, smallest)
	whole, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		f.Fatal(err)
	}
	const model = "encoder/models/model.json"
	program, err := fs.ReadFile(whole, model)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(program)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, program []byte) {
		var archive bytes.Buffer
		z := zip.NewWriter(&archive)
		for _, file := range whole.File {
			if file.Name != model {
				if err := z.Copy(file); err != nil {
					t.Fatal(err)
				}
			}
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: model, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(program); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if p, err := pt2.Read(bytes.NewReader(archive.Bytes()), int64(archive.Len())); err == nil {
			computes(p.Run)
		}
	})
}
