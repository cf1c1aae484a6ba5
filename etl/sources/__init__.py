"""Recording formats, one file each; `FORMATS` is the whole list. Sources never import stages or each other."""
