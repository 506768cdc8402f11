def tickers(session):
    return []
