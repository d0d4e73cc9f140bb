// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/torch"
)

// faster is how much faster bf16 must be than float32 to be the default: it costs digits.
const faster = 1.1

// precision returns the default precision and why: bf16 if the device computes it in hardware, and on a CPU only if a
// layer is faster in it. Processors that have the instructions differ: on some float32 is as fast or faster.
func precision(c *config.Config) (value, source string) {
	device := c.Train.Device
	switch {
	case !machine.FastBF16(device):
		return config.Float32, "detected"
	case device != "cpu":
		return config.BF16, "detected"
	}
	measure := convolutionGain
	switch {
	case strings.HasPrefix(c.Backbone.Name, "vit"):
		measure = productGain
	case c.Train.Scheme == config.Reference:
		measure = referenceGain
	}
	gain := measure()
	value = config.Float32
	if gain == 0 || gain >= faster {
		value = config.BF16
	}
	if gain == 0 {
		return value, "detected"
	}
	return value, fmt.Sprintf("measured: a layer in bf16 has %.1f times the speed of float32", gain)
}

// The layers: a middle one of a ResNet-18, and one of a small ViT's blocks.
var (
	convolutionGain = bf16Gain([]int{16, 64, 16, 16}, []int{64, 64, 3, 3}, func(x, w torch.Tensor) torch.Tensor {
		return torch.Convolution(x, w, 1, 1)
	})
	referenceGain = bf16Gain([]int{16, 64, 16, 16}, []int{64, 64, 3, 3}, func(x, w torch.Tensor) torch.Tensor {
		return torch.Conv2d(x.ChannelsLast(), w, torch.Tensor{}, 1, 1, 1)
	})
	productGain = bf16Gain([]int{16 * 64, 192}, []int{768, 192}, func(x, w torch.Tensor) torch.Tensor {
		return torch.Linear(x, w, torch.Tensor{})
	})
)

// bf16Gain returns a function that measures how many times as fast a layer is in bf16 as in float32, forward and
// backward, on one thread; 0 if there is no engine. It measures once in a process.
func bf16Gain(input, weight []int, layer func(x, w torch.Tensor) torch.Tensor) func() float64 {
	return sync.OnceValue(func() (gain float64) {
		const rounds = 9 // the least time counts: other programs only add to it
		err := torch.Scope(func() error {
			torch.SetThreads(1) // the trainer sets its own
			w := torch.Full(0.01, torch.F32, weight...).RequireGrad(true)
			least := map[bool]time.Duration{false: math.MaxInt64, true: math.MaxInt64}
			for range rounds {
				for bf16 := range least {
					took, err := timed(torch.Full(1, torch.F32, input...), w, bf16, layer)
					if err != nil {
						return err
					}
					least[bf16] = min(least[bf16], took)
				}
			}
			gain = float64(least[false]) / float64(least[true])
			return nil
		})
		if err != nil {
			return 0
		}
		return gain
	})
}

// timed returns how long a layer takes.
func timed(x, w torch.Tensor, bf16 bool, layer func(x, w torch.Tensor) torch.Tensor) (took time.Duration, err error) {
	err = torch.Scope(func() error {
		torch.Autocast(bf16, func() {
			if bf16 {
				x = x.To(torch.BF16)
			}
			x = x.Detach().RequireGrad(true)
			begun := time.Now()
			layer(x, w).Sum().Backward()
			took = time.Since(begun)
			w.SetGrad(torch.Tensor{})
		})
		return nil
	})
	return took, err
}
