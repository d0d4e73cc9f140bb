// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/cpu"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/torch"
)

func doctorCommand() *cobra.Command {
	var asJSON bool
	var device string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Show what this machine and this installation can do",
		Long: `Doctor prints versions, the device, threads and what the processor supports, and how fast a matrix
product and a convolution run here. It takes about a second, and shows at once if libtorch is missing or
is a slow build.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := torch.Use(device); err != nil {
				return usage(err)
			}
			findings := []finding{
				{"parallax", version + revision()},
				{"go", runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH},
				{"cores", fmt.Sprint(runtime.NumCPU())},
				{"processor", processor()},
				{"bf16", bf16()},
				{"jpeg", dataset.Decoder()},
			}
			engine, err := examine()
			findings = append(findings, engine...)
			if asJSON {
				facts := map[string]string{}
				for _, f := range findings {
					facts[f.what] = f.is
				}
				e := json.NewEncoder(c.OutOrStdout())
				e.SetIndent("", "  ")
				if err := e.Encode(facts); err != nil {
					return err
				}
				return err
			}
			printFindings(c.OutOrStdout(), findings)
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&device, "device", "cpu", "cpu or cuda")
	return c
}

// finding is one line of doctor's report.
type finding struct{ what, is string }

func printFindings(w io.Writer, findings []finding) {
	for _, f := range findings {
		fmt.Fprintf(w, "%-16s %s\n", f.what, f.is)
	}
}

func processor() string {
	var can []string
	for _, c := range []struct {
		name string
		has  bool
	}{
		{"avx2", cpu.X86.HasAVX2}, {"avx512", cpu.X86.HasAVX512F}, {"avx512_bf16", cpu.X86.HasAVX512BF16},
		{"amx_bf16", cpu.X86.HasAMXBF16}, {"asimd", cpu.ARM64.HasASIMD},
	} {
		if c.has {
			can = append(can, c.name)
		}
	}
	return strings.Join(append([]string{runtime.GOARCH}, can...), " ")
}

func bf16() string {
	if machine.FastBF16("cpu") {
		return "in hardware: the default precision"
	}
	return "not in hardware: float32 is the default precision"
}

// examine opens the engine and times it.
func examine() (findings []finding, err error) {
	start := time.Now()
	if err := torch.Load(); err != nil {
		return []finding{{"engine", "missing"}}, err
	}
	findings = append(findings, finding{"engine", fmt.Sprintf("opened in %.1f s", time.Since(start).Seconds())})
	err = torch.Scope(func() error {
		torch.SetThreads(runtime.NumCPU())
		facts := torch.Describe()
		keys := []string{"library", "libtorch", "device", "cpu capability", "threads", "onednn", "mkl", "cuda"}
		for _, key := range keys {
			findings = append(findings, finding{key, facts[key]})
		}
		for _, b := range []bool{false, true} {
			name := map[bool]string{false: "float32", true: "bf16"}[b]
			findings = append(findings,
				finding{"product " + name, rate(b, 2*1024*1024*1024, gemm)},
				finding{"conv " + name, rate(b, 2*16*64*64*9*56*56, convolution)})
		}
		return nil
	})
	return findings, err
}

// rate runs f for a quarter of a second and returns its speed in GFLOP/s.
func rate(bf16 bool, operations float64, prepare func() func()) string {
	var speed float64
	if err := torch.Scope(func() error {
		torch.NoGrad(func() {
			torch.Autocast(bf16, func() {
				f := prepare()
				f() // the first call chooses kernels and allocates memory
				n, start := 0, time.Now()
				for ; time.Since(start) < 250*time.Millisecond; n++ {
					f()
				}
				speed = operations * float64(n) / time.Since(start).Seconds() / 1e9
			})
		})
		return nil
	}); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%.0f GFLOP/s", speed)
}

// gemm multiplies two matrices of 1024 x 1024.
func gemm() func() {
	a := torch.Ones(torch.F32, 1024, 1024)
	return func() { torch.Free(a.MatMul(a)) }
}

// convolution is a layer of ResNet's first stage: 16 images of 56 x 56, 64 channels, 3 x 3.
func convolution() func() {
	x := torch.Ones(torch.F32, 16, 64, 56, 56).ChannelsLast()
	w := torch.Ones(torch.F32, 64, 64, 3, 3).ChannelsLast()
	return func() { torch.Free(torch.Conv2d(x, w, torch.Tensor{}, 1, 1, 1)) }
}
