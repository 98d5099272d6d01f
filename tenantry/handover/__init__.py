"""Handing a client's data over: packages (BagIt) to a folder, S3 or SFTP, verified where they arrive; credentials sealed to the client's key.

`deliver.deliver` is the way in; `place.Place` what a destination has to be, `source.Source` what can be handed over.
"""
