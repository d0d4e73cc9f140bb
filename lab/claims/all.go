// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"slices"

	"github.com/parallax-ssl/parallax/lab"
)

// Review lists the claims that a review of the field reports (of SimCLR, SCAN, MoCo, SwAV, BYOL, W-MSE, Barlow Twins,
// SimSiam, VICReg, PAWS, ReSSL and NNCLR), and the claims that its conclusions raise.
var Review = []string{
	"SIM-01", "SIM-02", "SIM-03", "SIM-05", "SIM-06", "SIM-07", "SIM-08", "SIM-10", "SIM-11",
	"BYO-01", "BYO-02", "BYO-03", "BYO-08", "BYO-09", "BYO-10", "BYG-01", "BYG-02", "BYG-03",
	"VIC-01", "VIC-02", "VIC-04", "VIC-13", "BAR-01", "WMS-01", "WMS-03", "WMS-04", "WMS-05",
	"CLR-02", "CLR-03", "CLR-04", "CLR-05", "CLR-06", "MOC-01", "MOC-02", "MOC-04", "MOC-05", "MOC-06",
	"SWA-01", "SWA-04", "SCN-01", "SCN-04", "PAW-01", "RSL-01", "RSL-02", "NNC-01", "VIW-01",
}

// All lists every experiment, in the order of reports.
var All = dated([]lab.Experiment{
	sim01,
	sim02,
	sim03,
	sim04,
	sim05,
	sim06,
	sim07,
	sim08,
	sim09,
	sim10,
	sim11,
	sim12,
	sim13,
	sim14,
	sim15,
	byo01,
	byo02,
	byo03,
	byo04,
	byo05,
	byo06,
	byo07,
	byo08,
	byo09,
	byo10,
	byg01,
	byg02,
	byg03,
	dpr01,
	dpr02,
	dpr03,
	dpr04,
	dpr05,
	dpr06,
	dpr07,
	dpr08,
	dpr09,
	dpr10,
	dpr11,
	viw01,
	zhg01,
	zhg02,
	clr01,
	clr02,
	clr03,
	clr04,
	clr05,
	clr06,
	au01,
	au02,
	tmp01,
	dcl01,
	sup01,
	moc01,
	moc02,
	moc03,
	moc04,
	moc05,
	moc06,
	mo301,
	nnc01,
	vic01,
	vic02,
	vic03,
	vic04,
	vic05,
	vic06,
	vic07,
	vic08,
	vic09,
	vic10,
	vic11,
	vic12,
	vic13,
	bar01,
	bar02,
	bar03,
	bar04,
	bar05,
	bar06,
	bar07,
	wms01,
	wms02,
	wms03,
	wms04,
	wms05,
	dbn01,
	dbn02,
	dbn03,
	swa01,
	swa02,
	swa03,
	swa04,
	swa05,
	din01,
	din02,
	din03,
	din04,
	din05,
	din06,
	din07,
	scn01,
	scn02,
	scn03,
	scn04,
	paw01,
	paw02,
	msn01,
	msn02,
	rsl01,
	rsl02,
	jng01,
	jng02,
	jng03,
	jng04,
	jng05,
	stp01,
	cap01,
	cap02,
	cap03,
	rkm01,
	lid01,
	arq01,
	cld01,
	stb01,
})

// Quick lists the claims of a quick look: the clearest of several kinds, which share arms, and three in closed form.
var Quick = []string{"SIM-01", "SIM-02", "CLR-04", "VIC-04", "SWA-01", "JNG-03", "BYO-10", "VIC-13"}

// Select returns the ids of the claims that are asked for, each once. It takes ids in upper or lower case, "review" for
// [Review], and "all" for [All].
func Select(asked ...string) ([]string, error) {
	var all []string
	for _, id := range asked {
		ids := []string{id}
		switch id {
		case "review":
			ids = Review
		case "all":
			ids = nil
			for _, e := range All {
				ids = append(ids, e.ID)
			}
		}
		for _, id := range ids {
			e, err := lab.Find(All, id)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(all, e.ID) {
				all = append(all, e.ID)
			}
		}
	}
	return all, nil
}
