// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/export/internal/onnxfile"
	"github.com/parallax-ssl/parallax/export/internal/pt2"
	"github.com/parallax-ssl/parallax/nn"
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
		forward(torch.Zeros(torch.F32, 2, 3, 16, 16))
		return nil
	})
}

func seeds(f *testing.F, format Format) {
	for _, s := range []backbone.Spec{
		{Name: "resnet8", Width: 1, Stem: backbone.Small, Size: 16},
		{Name: "vit_tiny", Width: 1, Stem: "patch8", Size: 16, Norm: nn.LayerStatistics},
	} {
		f.Add(exported(f, format, s))
	}
	f.Add([]byte("PK\x05\x06"))
}

func FuzzONNX(f *testing.F) {
	seeds(f, ONNX)
	f.Fuzz(func(_ *testing.T, data []byte) {
		if m, err := onnxfile.Parse(data); err == nil {
			computes(m.Run)
		}
	})
}

func FuzzPT2(f *testing.F) {
	seeds(f, PT2)
	f.Fuzz(func(_ *testing.T, data []byte) {
		if p, err := pt2.Read(bytes.NewReader(data), int64(len(data))); err == nil {
			computes(p.Run)
		}
	})
}
