// SPDX-License-Identifier: Apache-2.0

package backbone_test

import (
	"testing"

	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// BenchmarkForwardBackward sends images of 32 pixels through networks and back: the laboratory's, that of the preset
// tiny-cpu, and a ViT.
func BenchmarkForwardBackward(b *testing.B) {
	for _, s := range []backbone.Spec{
		{Name: "resnet8", Width: 16, Stem: backbone.Strided, Size: 32},
		{Name: "resnet18", Width: 16, Stem: backbone.Small, Size: 32},
		{Name: "vit_tiny", Width: 192, Stem: "patch4", Size: 32, Norm: nn.LayerStatistics},
	} {
		b.Run(s.Name, func(b *testing.B) {
			const n = 16
			err := torch.Scope(func() error {
				torch.SetThreads(1)
				body, err := s.New()
				if err != nil {
					return err
				}
				p := nn.NewParams(1, torch.F32)
				defer p.Free()
				layer := body.Build(p)
				x := torch.FromFloat32(make([]float32, n*3*s.Size*s.Size), n, 3, s.Size, s.Size).ChannelsLast()
				for b.Loop() {
					err := torch.Scope(func() error {
						layer.Forward(x).Sum().Backward()
						return nil
					})
					if err != nil {
						return err
					}
				}
				b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "images/s")
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
