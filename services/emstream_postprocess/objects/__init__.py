"""Objects: what belongs together, numbered and measured, without holding the volume.

result/<slab> ─► pieces (per slab, block by block) ─► join (faces and tables only) ─► relabel (per slab)
                 objects/<slab>.h5                    objects/joined.h5            ─► labels/<slab>.h5
                                                          └─► measurements/<object>.csv|.parquet|.h5
"""
